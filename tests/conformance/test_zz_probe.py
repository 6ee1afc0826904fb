import json, time, pytest, http.client
from support.checks import *
from support.contract import connection, contract, publication
from support.hashing import READINGS, content_hash, grant_hash
from support.signing import contract_signature
from support.steps import authorised, called, conclude

S="inkomens"
@pytest.fixture(scope="module")
def node(world, echo):
    made = world.node("provider", directory_role=True)
    made.add_service(S, echo.url)
    return made

def show(label, a):
    h={k:v for k,v in a.headers.items() if k.lower() in("fsc-error-code","allow","content-type","www-authenticate","retry-after","cache-control","fsc-transaction-id")}
    print(f"{label:45} {a.status} {h} {a.body[:160]!r}")

def test_probe(node, consumer, stranger, authority, echo):
    c=consumer; m=node.manager_address
    content, scope, token, claims = authorised(node, c, S)
    print()
    for p in ["/announce","/contracts","/contracts/x/accept","/contracts/x/reject","/contracts/x/revoke","/token","/peer","/peers","/services","/.well-known/jwks.json","/logs"]:
        for method in ["GET","POST","PUT","DELETE","PATCH","OPTIONS","HEAD","TRACE","FOO"]:
            try: a=c.client(m).request(method,"/v1"+p)
            except Exception as e: print(method,p,"EXC",repr(e)); continue
            if a.status==405 and a.headers.get("Fsc-Error-Code")=="METHOD_NOT_ALLOWED" and a.headers.get("Allow"): continue
            show(method+" "+p,a)
    for p in ["/","/v1","/v1/","/v2/peer","//v1/peer","/v1/peer/","/v1/contracts/","/v1/%ff","/v1/contracts/%ff/accept","/favicon.ico","/v1/contracts/x/other"]:
        for method in ("GET","PUT"):
            show(method+" "+p, c.client(m).request(method,p,headers={"Fsc-Manager-Address":c.manager_address}))
    show("CONNECT", c.client(m).request("CONNECT","a.test:443"))
    show("OPTIONS *", c.client(m).request("OPTIONS","*"))
    show("token json", c.client(m).request("POST","/v1/token",json_body={"grant_type":"client_credentials"}))
    show("token empty", c.client(m).request("POST","/v1/token"))
    show("token big", c.client(m).request("POST","/v1/token",body=b"a"*(3*1024*1024),headers={"Content-Type":"application/x-www-form-urlencoded"}))
    show("token mid", c.client(m).request("POST","/v1/token",body=b"a=b&"*(10*1024),headers={"Content-Type":"application/x-www-form-urlencoded"}))
    show("token invalid utf8", c.client(m).request("POST","/v1/token",body=b"grant_type=client_credentials&scope=%ff%fe&client_id="+c.id.encode()))
    nameless = authority.issue("", "Gemeente Voorbeeld", "gemeente.test") if False else None
    show("logs bad id", c.get(m,"/logs",transaction_ids="geen"))
    show("logs bad hash", c.get(m,"/logs",grant_hash="geen"))
    show("logs other hash type", c.get(m,"/logs",grant_hash="$1$6$"+grant_hash(content).rsplit("$",1)[1]))
    show("contracts other type hash", c.get(m,"/contracts",grant_hash=grant_hash(content)+",$1$6$"+"a"*86))
    show("contracts contract hash", c.get(m,"/contracts",grant_hash=content_hash(content)))
    show("contracts +/ hash", c.get(m,"/contracts",grant_hash="$1$3$"+"+/"*43+"=="))
    show("contracts bad grant type", c.get(m,"/contracts",grant_type="X"))
    show("peers bad id", c.get(m,"/peers",peer_id="a b"))
    show("services bad id", c.get(m,"/services",peer_id="a b"))
    show("services long name", c.get(m,"/services",service_name="x"*300))
    show("peers limit 1", c.get(m,"/peers",limit="1"))
    show("announce no header", c.client(m).request("PUT","/v1/announce"))
    show("announce http", c.send(m,"PUT","/v1/announce",headers={"Fsc-Manager-Address":"http://a.test:8443"}))
    show("announce noport", c.send(m,"PUT","/v1/announce",headers={"Fsc-Manager-Address":"https://a.test"}))
    show("announce slash", c.send(m,"PUT","/v1/announce",headers={"Fsc-Manager-Address":"https://gemeente.test:8443/"}))
    show("announce path", c.send(m,"PUT","/v1/announce",headers={"Fsc-Manager-Address":"https://gemeente.test:8443/v1"}))
    # tokens at the inway
    for lab,val in {"bare":token,"lower":"bearer "+token,"two spaces":"Bearer  "+token,"basic":"Basic "+token,"empty":"","bearer":"Bearer ","tab":"Bearer\t"+token}.items():
        a=c.client(node.inway_address).request("GET","/",headers={"Fsc-Authorization":val,"Fsc-Transaction-Id":transaction_id()})
        show("inway auth "+lab,a)
    show("inway plain Authorization", c.client(node.inway_address).request("GET","/",headers={"Authorization":"Bearer "+token,"Fsc-Transaction-Id":transaction_id()}))
    t=transaction_id().upper(); echo.forget()
    show("inway upper tid", c.call(node.inway_address, token, transaction=t)); print(t, [r.headers.get("Fsc-Transaction-Id") for r in echo.received()])
    for method in ("OPTIONS","TRACE","HEAD","FOO","CONNECT"):
        try: show("inway "+method, c.call(node.inway_address, token, transaction=transaction_id(), method=method, path="a.test:1" if method=="CONNECT" else "/"))
        except Exception as e: print("inway",method,repr(e))
    # integers
    for lab,raw in {"2^53+1":"9007199254740993","u64max":"18446744073709551615","2^64":"18446744073709551616","2^64+1":"18446744073709551617","1e30 digits":"1"+"0"*30,"30 nines":"9"*30,"1e400":"1e400","pi":"3.141592653589793238462643383279", "1E30":"1E30","neg":"-9007199254740993"}.items():
        k=contract(connection(c.identity,node.id,S,properties={"n":424242}))
        body=json.dumps({"content":k,"signature":"x.y.z"}).replace("424242",raw)
        try:
            parsed=json.loads(body)["content"]
            import copy
            def dbl(o):
                if isinstance(o,dict): return {a:dbl(b) for a,b in o.items()}
                if isinstance(o,list): return [dbl(b) for b in o]
                if isinstance(o,int) and abs(o)>2**53-1: return float(o)
                return o
            sig=contract_signature(c.identity,dbl(parsed),"accept")
        except Exception as e: sig="x.y.z"; print(lab,repr(e))
        body=json.dumps({"content":k,"signature":sig}).replace("424242",raw)
        show("int "+lab, c.send(m,"POST","/v1/contracts",body=body.encode(),headers={"Content-Type":"application/json"}))
    # second accept, same second
    k=contract(connection(c.identity,node.id,S)); 
    at=int(time.time())
    s1=contract_signature(c.identity,k,"accept",signed_at=at); s2=contract_signature(c.identity,k,"accept",signed_at=at,algorithm="RS384"); s0=contract_signature(c.identity,k,"accept",signed_at=at-100,algorithm="RS512")
    print(c.submit(m,k,signature=s1).status, c.sign(m,k,"accept",signature=s2).status, c.contract_at(m,content_hash(k))["signatures"]["accept"][c.id]==s2)
    print(c.sign(m,k,"accept",signature=s0).status, c.contract_at(m,content_hash(k))["signatures"]["accept"][c.id]==s2)
    # unknown envelope members
    k=contract(connection(c.identity,node.id,S)); s=contract_signature(c.identity,k,"accept")
    show("unknown envelope", c.send(m,"POST","/v1/contracts",json_body={"content":k,"signature":s,"extra":{"a":1},"signatures":None}))
    k=contract(connection(c.identity,node.id,S,properties=None)); k["grants"][0]["data"]["properties"]=None; s=contract_signature(c.identity,k,"accept")
    show("properties null", c.send(m,"POST","/v1/contracts",json_body={"content":k,"signature":s}))
    k=contract(connection(c.identity,node.id,S)); s=contract_signature(c.identity,k,"accept",header={"typ":"JWT","kid":"x","x5t#S256":None}) if False else s
